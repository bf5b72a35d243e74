(** Images of expressions under maps: one coordinate at a time they are images of integers, which map_rules.v knows. *)
From Coq Require Import ZArith Reals List Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax maps map_rules plans.
From Certify.rules Require Import matrices expressions expression_rules.
Import ListNotations.
Open Scope Z_scope.

(** ** Coefficients of one coordinate *)

Definition column (c : nat) (es : list (list Z)) : list Z := map (fun e => nth c e 0) es.

Section columns.
Variables (c : nat) (f : Z -> Z -> Z) (g : Z -> list Z -> list Z -> list Z).
Hypothesis adds : forall a e acc, nth c (g a e acc) 0 = f a (nth c e 0) + nth c acc 0.

Lemma column_dense : forall l es, nth c (row_dense g l es) 0 = row_sum_dense f l (column c es).
Proof.
  induction l as [|a l IH]; intros [|e es]; simpl; try (destruct c; reflexivity). rewrite adds, IH. reflexivity.
Qed.

Lemma column_sparse : forall l at_ es, nth c (row_sparse g l at_ es) 0 = row_sum_sparse f l at_ (column c es).
Proof.
  induction l as [|[j a] l IH]; intros at_ es; simpl; [destruct c; reflexivity|].
  unfold column. rewrite skipn_map. destruct (skipn (j - at_) es) as [|e es']; simpl; [destruct c; reflexivity|].
  rewrite adds, IH. reflexivity.
Qed.

End columns.

Lemma adds_scaled c a e acc : nth c (add_scaled a e acc) 0 = a * nth c e 0 + nth c acc 0.
Proof. unfold add_scaled. destruct (Z.eqb_spec a 0) as [-> | _]; [lia | apply nth_axpy]. Qed.

Lemma column_image c es r : nth c (row_image es r) 0 = row_sum Z.mul (column c es) r.
Proof.
  destruct r; [apply column_dense | apply column_sparse]; intros; apply adds_scaled.
Qed.

Lemma sum_rows_dense : forall (l : list Z) es, length l = length es -> sum_rows es = row_dense add_one l es.
Proof.
  induction l as [|a l IH]; intros [|e es] L; simpl in *; try discriminate; [reflexivity|]. rewrite <- IH by lia.
  reflexivity.
Qed.

(** [h] is the negative or the positive part. *)
Lemma column_ones (h : Z -> Z) c es r : h 0 = 0 ->
  nth c (row_ones (length es) (sum_rows (map (map h) es)) (map (map h) es) r) 0
  = row_sum (fun _ x => h x) (column c es) r.
Proof.
  intros H0.
  assert (E : forall e : list Z, nth c (map h e) 0 = h (nth c e 0)).
  { intros e. rewrite <- H0 at 1. apply map_nth. }
  assert (C : column c (map (map h) es) = map h (column c es)).
  { unfold column. rewrite !map_map. apply map_ext, E. }
  assert (A : forall a e acc, nth c (add_one a e acc) 0 = (fun _ x => x) a (nth c e 0) + nth c acc 0).
  { intros. apply nth_addl. }
  assert (D : forall l v, row_sum_dense (fun _ x => x) l (map h v) = row_sum_dense (fun _ x => h x) l v).
  { induction l as [|a l IH]; intros [|x v]; simpl; auto. rewrite IH. reflexivity. }
  assert (S : forall l at_ v, row_sum_sparse (fun _ x => x) l at_ (map h v) = row_sum_sparse (fun _ x => h x) l at_ v).
  { induction l as [|[j a] l IH]; intros at_ v; simpl; auto. rewrite skipn_map.
    destruct (skipn (j - at_) v); simpl; auto. rewrite IH. reflexivity. }
  destruct r as [l | l]; simpl.
  - destruct (Nat.eqb_spec (length l) (length es)) as [L | _].
    + rewrite (sum_rows_dense l) by (rewrite map_length; exact L).
      rewrite (column_dense c _ _ A), C. apply D.
    + rewrite (column_dense c _ _ A), C. apply D.
  - rewrite (column_sparse c _ _ A), C. apply S.
Qed.

Lemma map2_map {A B C D E} (f : D -> E -> C) (g : A -> D) (h : B -> E) : forall a b,
  map2 f (map g a) (map h b) = map2 (fun x y => f (g x) (h y)) a b.
Proof. induction a; intros [|y b]; simpl; auto. rewrite IHa. reflexivity. Qed.

Lemma map_map2 {A B C D} (f : C -> D) (g : A -> B -> C) : forall a b,
  map f (map2 g a b) = map2 (fun x y => f (g x y)) a b.
Proof. induction a; intros [|y b]; simpl; auto. rewrite IHa. reflexivity. Qed.

Lemma map2_map2 {A B C D E} (f : C -> D -> E) (g : A -> B -> C) (h : A -> B -> D) : forall a b,
  map2 f (map2 g a b) (map2 h a b) = map2 (fun x y => f (g x y) (h x y)) a b.
Proof. induction a; intros [|y b]; simpl; auto. rewrite IHa. reflexivity. Qed.

Lemma map2_ext {A B C} (f g : A -> B -> C) : (forall x y, f x y = g x y) -> forall a b, map2 f a b = map2 g a b.
Proof. intros H. induction a; intros [|y b]; simpl; auto. rewrite H, IHa. reflexivity. Qed.

Lemma map2_same {A B C} (f : A -> A -> C) (g h : B -> A) : forall a,
  map2 f (map g a) (map h a) = map (fun x => f (g x) (h x)) a.
Proof. induction a; simpl; auto. rewrite IHa. reflexivity. Qed.

Theorem columns_image im es c :
  image im (column c es) = (map (fun p => nth c (fst p) 0) (image_rows im es),
                            map (fun p => nth c (snd p) 0) (image_rows im es)).
Proof.
  assert (E : forall (h : Z -> Z) (e : list Z), h 0 = 0 -> nth c (map h e) 0 = h (nth c e 0)).
  { intros h e H. rewrite <- H at 1. apply map_nth. }
  unfold image, image_rows. destruct (im_width im =? 0).
  - destruct (im_map im) as [n rs | l]; simpl.
    + rewrite !map_map. f_equal; apply map_ext; intros r; simpl; symmetry; apply column_image.
    + rewrite !map_map2. unfold column. rewrite <- (map_id l) at 1 2.
      rewrite !map2_map. f_equal; apply map2_ext; intros a e; simpl; symmetry; apply nth_mul.
  - destruct (im_map im) as [n rs | l]; simpl.
    + rewrite !map_map, !map2_same. f_equal; apply map_ext; intros r; simpl;
        rewrite nth_axpy, column_ones, column_image by reflexivity; lia.
    + rewrite !map_map2. unfold column. rewrite <- (map_id l) at 1 2 3 4. rewrite !map2_map, !map2_map2.
      f_equal; apply map2_ext; intros a e; simpl; rewrite nth_axpy, nth_mul, E by reflexivity; lia.
Qed.

Open Scope R_scope.

(** ** Real maps are linear in what they act on *)

Lemma sdot_factor k v : forall l, sdot l (map (Rmult k) v) = k * sdot l v.
Proof.
  induction l as [|[j a] l IH]; simpl; [lra|]. rewrite IH.
  replace (nth j (map (Rmult k) v) 0) with (k * nth j v 0); [lra|].
  rewrite <- (map_nth (Rmult k)). f_equal. ring.
Qed.

Lemma dotR_factor k : forall l v, dotR l (map (Rmult k) v) = k * dotR l v.
Proof. induction l as [|a l IH]; intros [|x v]; simpl; try rewrite IH; lra. Qed.

Lemma apply_factor M k v : apply M (map (Rmult k) v) = map (Rmult k) (apply M v).
Proof.
  destruct M as [n rs | l]; simpl.
  - rewrite map_map. apply map_ext. intros [r | r]; [apply dotR_factor | apply sdot_factor].
  - revert v. induction l as [|a l IH]; intros [|x v]; simpl; auto. rewrite IH. f_equal. ring.
Qed.

Lemma nth_factor k i v : nth i (map (Rmult k) v) 0 = k * nth i v 0.
Proof. rewrite <- (map_nth (Rmult k)). f_equal. ring. Qed.

(** sum of z_c a_c. *)
Fixpoint against (a : nat -> R) (z : list R) : R :=
  match z with [] => 0 | x :: z' => x * a 0%nat + against (fun c => a (S c)) z' end.

Lemma against_ext z : forall a b, (forall c, a c = b c) -> against a z = against b z.
Proof. induction z as [|x z IH]; intros a b H; simpl; [reflexivity|]. rewrite H. f_equal. apply IH. auto. Qed.

Lemma against_factor k z : forall a, against (fun c => k * a c) z = k * against a z.
Proof. induction z as [|x z IH]; intros a; simpl; [lra|]. rewrite IH. lra. Qed.

Lemma apply_columns M i : forall z es,
  nth i (apply M (map (fun e => dot e z) es)) 0
  = against (fun c => nth i (apply M (map IZR (column c es))) 0) z.
Proof.
  induction z as [|x z IH]; intros es; simpl.
  - replace (map (fun e => dot e []) es) with (map (Rmult 0) (map (fun _ => 0) es)).
    + rewrite apply_factor, nth_factor. lra.
    + rewrite map_map. apply map_ext. intros e. rewrite dot_nil_r. lra.
  - assert (E : map (fun e => dot e (x :: z)) es
      = map2 Rplus (map (Rmult x) (map IZR (column 0 es))) (map (fun e => dot e z) (map (@tl Z) es))).
    { unfold column. rewrite !map_map. induction es as [|e es IHe]; simpl; [reflexivity|]. rewrite IHe. f_equal.
      destruct e as [|a e]; [unfold dot; simpl; lra | rewrite dot_cons; simpl; lra]. }
    rewrite E, apply_add by (unfold column; rewrite !map_length; reflexivity).
    rewrite apply_factor, nth_factor, IH. f_equal. apply against_ext. intros c.
    replace (column c (map (@tl Z) es)) with (column (S c) es); [reflexivity|].
    unfold column. rewrite map_map. apply map_ext. intros e. destruct e, c; reflexivity.
Qed.

(** ** What is lost between coefficients rounded down and up *)

Lemma total_split l : total l = (nth 0 l 0 + total (tl l))%Z.
Proof. destruct l; reflexivity. Qed.

Lemma total_axpy k : forall a b, total (axpy k a b) = (k * total a + total b)%Z.
Proof.
  induction a as [|x a IH]; intros b; [simpl; lia|].
  destruct b as [|y b]; simpl.
  - assert (H : forall l, total (map (Z.mul k) l) = (k * total l)%Z).
    { induction l as [|w l IHl]; simpl; [lia|]. unfold total in *. lia. }
    specialize (H a). unfold total in *. lia.
  - specialize (IH b). unfold total in *. lia.
Qed.

Lemma total_le : forall a b, (forall c, (nth c a 0 <= nth c b 0)%Z) -> (total a <= total b)%Z.
Proof.
  induction a as [|x a IH]; induction b as [|y b IHb]; intros H; simpl; try lia.
  - assert (total [] <= total b)%Z by (apply IHb; intros c; specialize (H (S c)); destruct c; exact H).
    specialize (H 0%nat). simpl in *. unfold total in *. lia.
  - assert (total a <= total [])%Z by (apply IH; intros c; specialize (H (S c)); destruct c; exact H).
    specialize (H 0%nat). simpl in *. unfold total in *. lia.
  - assert (total a <= total b)%Z by (apply IH; intros c; apply (H (S c))).
    specialize (H 0%nat). simpl in *. unfold total in *. lia.
Qed.

Lemma between_loses z : Forall (fun x => Rabs x <= 1) z -> forall a low high,
  (forall c, IZR (nth c low 0%Z) <= a c <= IZR (nth c high 0%Z)) ->
  Rabs (against a z - dot low z) <= IZR (total high - total low).
Proof.
  induction 1 as [|x z X Z IH]; intros a low high B.
  - simpl. rewrite dot_nil_r, Rminus_0_r, Rabs_R0. apply IZR_le.
    assert (total low <= total high)%Z; [|lia]. apply total_le. intros c. apply le_IZR. specialize (B c). lra.
  - rewrite (total_split high), (total_split low). simpl against.
    assert (E : dot low (x :: z) = IZR (nth 0 low 0%Z) * x + dot (tl low) z).
    { destruct low; [unfold dot; simpl; lra | apply dot_cons]. }
    rewrite E. specialize (IH (fun c => a (S c)) (tl low) (tl high)).
    assert (T : forall c, IZR (nth c (tl low) 0%Z) <= a (S c) <= IZR (nth c (tl high) 0%Z)).
    { intros c. specialize (B (S c)). destruct low, high, c; exact B. }
    specialize (IH T). specialize (B 0%nat).
    replace (_ - _) with (x * (a 0%nat - IZR (nth 0 low 0%Z)) + (against (fun c => a (S c)) z - dot (tl low) z))
      by ring.
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult, (Rabs_pos_eq (a 0%nat - _)) by lra.
    assert (Rabs x * (a 0%nat - IZR (nth 0 low 0%Z)) <= 1 * (a 0%nat - IZR (nth 0 low 0%Z)))
      by (apply Rmult_le_compat_r; lra).
    rewrite !minus_IZR, !plus_IZR in *. lra.
Qed.

(** ** Images of noise *)

Definition upper_part (v : list R) : list R := map (fun x => Rmax x 0) v.
Definition lower_part (v : list R) : list R := map (fun x => Rmax (- x) 0) v.

Lemma parts_add v : upper_part v = map2 Rplus v (lower_part v).
Proof.
  induction v as [|x v IH]; simpl; [reflexivity|]. rewrite <- IH. f_equal.
  unfold Rmax. destruct (Rle_dec x 0), (Rle_dec (- x) 0); lra.
Qed.

Lemma parts_within r v : Forall2 (fun n x => Rabs x <= IZR n) r v ->
  within (map (fun _ => 0%Z) r) r (upper_part v) /\ within (map (fun _ => 0%Z) r) r (lower_part v).
Proof.
  induction 1 as [|n x r v H _ [IH1 IH2]]; simpl; split; constructor; try assumption;
    unfold Rmax, Rabs in *; destruct (Rle_dec x 0), (Rle_dec (- x) 0), (Rcase_abs x); lra.
Qed.

Lemma shiftr_range q x : IZR (floor_q q x) <= IZR x * pow2 (- q) <= IZR (ceil_q q x).
Proof.
  unfold floor_q, ceil_q. rewrite <- !Z.shiftl_opp_r. split; [apply shift_down_le | apply shift_up_ge].
Qed.

(** From units of 2^-q: k y 2^q between l and u. *)
Lemma rounded_range q l u y : IZR l <= y * pow2 q <= IZR u -> IZR (floor_q q l) <= y <= IZR (ceil_q q u).
Proof.
  intros [A B]. pose proof (shiftr_range q l) as [L _]. pose proof (shiftr_range q u) as [_ U].
  assert (P : 0 < pow2 (- q)) by apply pow2_pos.
  assert (E : y = y * pow2 q * pow2 (- q)) by (rewrite Rmult_assoc, <- bpow_plus, Z.add_opp_diag_r; simpl; ring).
  assert (IZR l * pow2 (- q) <= y * pow2 q * pow2 (- q)) by (apply Rmult_le_compat_r; lra).
  assert (y * pow2 q * pow2 (- q) <= IZR u * pow2 (- q)) by (apply Rmult_le_compat_r; lra). lra.
Qed.

Lemma nth_floor q c l : nth c (map (floor_q q) l) 0%Z = floor_q q (nth c l 0%Z).
Proof. rewrite <- (map_nth (floor_q q)). f_equal. unfold floor_q. rewrite Z.shiftr_0_l. reflexivity. Qed.

Lemma nth_ceil q c l : nth c (map (ceil_q q) l) 0%Z = ceil_q q (nth c l 0%Z).
Proof. rewrite <- (map_nth (ceil_q q)). f_equal. unfold ceil_q. simpl. rewrite Z.shiftr_0_l. reflexivity. Qed.

Lemma apply_same_length M u v : length u = length v -> length (apply M u) = length (apply M v).
Proof. intros L. rewrite !apply_length, L. reflexivity. Qed.

Lemma nth_map {A B} (g : A -> B) d d' i l : g d = d' -> nth i (map g l) d' = g (nth i l d).
Proof. intros <-. apply map_nth. Qed.

Lemma told_lost z es xs : told z es xs ->
  let lost := map2 Rminus xs (map (fun e => dot (fst e) z) es) in
  Forall2 (fun m x => Rabs x <= IZR m) (map snd es) lost /\ xs = map2 Rplus (map (fun e => dot (fst e) z) es) lost.
Proof.
  induction 1 as [|e x es xs T _ [IH1 IH2]]; simpl; [split; constructor|].
  split; [constructor; assumption|]. rewrite <- IH2. f_equal. ring.
Qed.

Section image.
Variables (f : fixedmap) (M : lmap R) (num den q : Z) (im : intmap).
Hypotheses (means : fm_means f M) (positive : (0 < den)%Z) (made : scaled f num den q = Some im).
Variables (z : list R) (es : list entry) (xs : list R).
Hypotheses (small : Forall (fun x => Rabs x <= 1) z) (tell : told z es xs).
Let k := IZR num / IZR den.
Let n := length (apply M xs).

Lemma columns_between c : let b := image_rows im (map fst es) in
  length b = n /\ forall i, (i < n)%nat ->
    IZR (floor_q q (nth c (fst (nth i b ([], []))) 0%Z))
    <= k * nth i (apply M (map IZR (column c (map fst es)))) 0
    <= IZR (ceil_q q (nth c (snd (nth i b ([], []))) 0%Z)).
Proof.
  intros b. pose proof (columns_image im (map fst es) c) as C. fold b in C.
  pose proof (image_within f M num den q im means positive made _ _ _ C) as W. fold k in W.
  assert (L : length (apply M (map IZR (column c (map fst es)))) = n).
  { apply apply_same_length. unfold column. rewrite !map_length. apply (Forall2_length _ _ _ tell). }
  destruct (within_length _ _ _ W) as [L1 _]. rewrite !map_length, L in L1. split; [exact L1|].
  intros i I. apply rounded_range.
  pose proof (within_nth _ _ _ W i) as B. rewrite map_length, L in B. specialize (B I).
  assert (N : nth c (@nil Z) 0%Z = 0%Z) by (destruct c; reflexivity).
  rewrite (nth_map (fun p => nth c (fst p) 0%Z) ([], [])), (nth_map (fun p => nth c (snd p) 0%Z) ([], [])) in B
    by exact N.
  rewrite (nth_map (fun x => x * k * pow2 q) 0) in B by ring. lra.
Qed.

(** What expressions leave out of the xs. *)
Let lost := map2 Rminus xs (map (fun e => dot (fst e) z) es).

Lemma lost_small : Forall2 (fun m x => Rabs x <= IZR m) (map snd es) lost
  /\ xs = map2 Rplus (map (fun e => dot (fst e) z) es) lost.
Proof. exact (told_lost z es xs tell). Qed.

Lemma lost_between down up : image_of_range im (map snd es) = (down, up) ->
  length down = n /\ length up = n /\ forall i, (i < n)%nat ->
    Rabs (k * nth i (apply M lost) 0) <= IZR (ceil_q q (nth i up 0%Z) - floor_q q (nth i down 0%Z)).
Proof.
  intros E. destruct lost_small as [S _]. destruct (parts_within _ _ S) as [U L].
  pose proof (image_of_range_within f M num den q im means positive made _ _ _ _ U E) as WU.
  pose proof (image_of_range_within f M num den q im means positive made _ _ _ _ L E) as WL.
  fold k in WU, WL. pose proof (Forall2_length _ _ _ S) as LS. rewrite map_length in LS.
  pose proof (Forall2_length _ _ _ tell) as LT.
  assert (NU : length (apply M (upper_part lost)) = n).
  { apply apply_same_length. unfold upper_part. rewrite map_length, <- LS. exact LT. }
  assert (NL : length (apply M (lower_part lost)) = n).
  { apply apply_same_length. unfold lower_part. rewrite map_length, <- LS. exact LT. }
  destruct (within_length _ _ _ WU) as [L1 L2]. rewrite map_length, NU in L1, L2.
  split; [exact L1|]. split; [exact L2|]. intros i I.
  pose proof (within_nth _ _ _ WU i) as BU. pose proof (within_nth _ _ _ WL i) as BL.
  rewrite map_length in BU, BL. rewrite NU in BU. rewrite NL in BL. specialize (BU I). specialize (BL I).
  rewrite (nth_map (fun x => x * k * pow2 q) 0) in BU, BL by ring.
  assert (A : nth i (apply M (upper_part lost)) 0 = nth i (apply M lost) 0 + nth i (apply M (lower_part lost)) 0).
  { rewrite (parts_add lost). apply apply_add. unfold lower_part. rewrite map_length. reflexivity. }
  apply rounded_range in BU. apply rounded_range in BL.
  rewrite minus_IZR. apply Rabs_le. rewrite A in BU. lra.
Qed.

Theorem image_told down up : image_of_range im (map snd es) = (down, up) ->
  let b := image_rows im (map fst es) in
  length b = n /\ length down = n /\ length up = n /\ forall i e o, (i < n)%nat -> tells z e o ->
    tells z (add_image q e (nth i b ([], [])) (nth i down 0%Z, nth i up 0%Z)) (o + k * nth i (apply M xs) 0).
Proof.
  intros E b. destruct (lost_between down up E) as (L1 & L2 & N).
  split; [apply (columns_between 0)|]. split; [exact L1|]. split; [exact L2|]. intros i e o I T.
  destruct lost_small as [S A]. assert (Ld : length (map (fun e => dot (fst e) z) es) = length lost).
  { rewrite map_length, <- (Forall2_length _ _ _ S), map_length. reflexivity. }
  specialize (N i I). unfold tells, add_image in *. simpl fst. simpl snd.
  set (low := map (floor_q q) (fst (nth i b ([], [])))). set (high := map (ceil_q q) (snd (nth i b ([], [])))).
  rewrite dot_addl, !plus_IZR, total_axpy, A, (apply_add M _ lost i Ld).
  replace (map (fun e => dot (fst e) z) es) with (map (fun e => dot e z) (map fst es)) by apply map_map.
  rewrite apply_columns.
  assert (B : Rabs (against (fun c => k * nth i (apply M (map IZR (column c (map fst es)))) 0) z - dot low z)
              <= IZR (total high - total low)).
  { apply between_loses; [exact small|]. intros c. unfold low, high. rewrite nth_floor, nth_ceil.
    apply columns_between. exact I. }
  rewrite against_factor in B. set (m := against _ z) in *.
  replace (o + k * (m + nth i (apply M lost) 0) - (dot (fst e) z + dot low z))
    with ((o - dot (fst e) z) + ((k * m - dot low z) + k * nth i (apply M lost) 0)) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. pose proof (Rabs_triang (k * m - dot low z) (k * nth i (apply M lost) 0)).
  replace (-1 * total low + total high)%Z with (total high - total low)%Z by ring. lra.
Qed.

End image.
