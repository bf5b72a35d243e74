(** Facts hold, and the sum of facts with multipliers bounds a row of the outputs from above by a quadratic form.

    A sum of facts is worth dot linear z + z' products z + charge; no fact makes it less than the row. *)
From Coq Require Import ZArith Reals List Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax maps plans.
From Certify.rules Require Import matrices expressions expression_rules quadratic.
Import ListNotations.
Open Scope R_scope.

(** ** Sums *)

Definition worth (z : list R) (s : sums) : R :=
  dot (sm_linear s) z + bilinear (sm_products s) z z + IZR (sm_charge s).

Lemma pospart_nonneg m : 0 <= IZR (pospart m).
Proof. apply IZR_le. unfold pospart. lia. Qed.

Lemma tells_below z e x k : tells z e x -> IZR k * x <= IZR k * dot (fst e) z + IZR (Z.abs k * snd e).
Proof.
  unfold tells. intros T. rewrite mult_IZR, abs_IZR.
  assert (IZR k * (x - dot (fst e) z) <= Rabs (IZR k) * IZR (snd e)); [|lra].
  eapply Rle_trans; [apply Rle_abs|]. rewrite Rabs_mult. apply Rmult_le_compat_l; [apply Rabs_pos | exact T].
Qed.

Lemma worth_linear z bits m p x s : tells z p x ->
  worth z s + IZR (Z.shiftl m bits) * x <= worth z (add_linear bits m p s).
Proof.
  intros T. unfold worth, add_linear; cbn [sm_linear sm_charge sm_products].
  rewrite dot_axpy, plus_IZR. pose proof (tells_below z p x (Z.shiftl m bits) T). lra.
Qed.

Lemma size_bounds z e : Forall (fun x => Rabs x <= 1) z -> Rabs (dot (fst e) z) <= IZR (size e).
Proof.
  intros Z1. unfold size. destruct e as [l n]; simpl. revert l. induction Z1 as [|x z X Z1 IH]; intros l.
  - rewrite dot_nil_r, Rabs_R0. apply IZR_le. induction l; simpl; [lia|]. unfold total in *. lia.
  - destruct l as [|a l]; [unfold dot; simpl; rewrite Rabs_R0; lra|].
    rewrite dot_cons. simpl. unfold total in *. rewrite plus_IZR, abs_IZR. specialize (IH l).
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult.
    assert (Rabs (IZR a) * Rabs x <= Rabs (IZR a) * 1) by (apply Rmult_le_compat_l; [apply Rabs_pos | exact X]). lra.
Qed.

Lemma tells_product z p r x y : Forall (fun x => Rabs x <= 1) z -> tells z p x -> tells z r y ->
  Rabs (x * y - dot (fst p) z * dot (fst r) z)
  <= IZR (size p * snd r + snd p * size r + snd p * snd r).
Proof.
  intros Z1 X Y. pose proof (size_bounds z p Z1) as P. pose proof (size_bounds z r Z1) as Q. unfold tells in X, Y.
  set (a := dot (fst p) z) in *. set (b := dot (fst r) z) in *. rewrite !plus_IZR, !mult_IZR.
  replace (x * y - a * b) with (a * (y - b) + (x - a) * b + (x - a) * (y - b)) by ring.
  assert (M : forall u v U V, Rabs u <= U -> Rabs v <= V -> Rabs (u * v) <= U * V).
  { intros u v U V A B. rewrite Rabs_mult. apply Rmult_le_compat; auto using Rabs_pos. }
  pose proof (M _ _ _ _ P Y). pose proof (M _ _ _ _ X Q). pose proof (M _ _ _ _ X Y).
  eapply Rle_trans; [apply Rabs_triang|]. eapply Rle_trans; [apply Rplus_le_compat_r, Rabs_triang|]. lra.
Qed.

Lemma worth_product z m p r x y s : Forall (fun x => Rabs x <= 1) z -> tells z p x -> tells z r y ->
  worth z s + IZR m * (x * y) <= worth z (add_product m p r s).
Proof.
  intros Z1 X Y. pose proof (tells_product z p r x y Z1 X Y) as T.
  unfold worth, add_product; cbn [sm_linear sm_charge sm_products].
  rewrite bilinear_outer, plus_IZR, mult_IZR, dot_map_mul, abs_IZR.
  set (lost := IZR (size p * snd r + snd p * size r + snd p * snd r)) in *.
  assert (IZR m * (x * y - dot (fst p) z * dot (fst r) z) <= Rabs (IZR m) * lost); [|lra].
  eapply Rle_trans; [apply Rle_abs|]. rewrite Rabs_mult. apply Rmult_le_compat_l; [apply Rabs_pos | exact T].
Qed.

Lemma worth_linears z bits : forall ms ps xs s, told z ps xs ->
  worth z s + dot (map (fun m => Z.shiftl m bits) ms) xs <= worth z (add_linears bits ms ps s).
Proof.
  induction ms as [|m ms IH]; intros ps xs s T; [unfold dot; simpl; lra|].
  destruct T as [|p x ps xs P T]; cbn [map add_linears]; [rewrite dot_nil_r; lra|]. rewrite dot_cons.
  eapply Rle_trans; [|apply IH, T]. destruct (Z.eqb_spec m 0) as [-> | _].
  - rewrite Z.shiftl_0_l. lra.
  - pose proof (worth_linear z bits m p x s P). lra.
Qed.

Lemma worth_products z : Forall (fun x => Rabs x <= 1) z ->
  forall ms ps rs xs ys s, told z ps xs -> told z rs ys ->
  worth z s + dot ms (map2 Rmult xs ys) <= worth z (add_products ms ps rs s).
Proof.
  intros Z1. induction ms as [|m ms IH]; intros ps rs xs ys s P Q; [unfold dot; simpl; lra|].
  destruct P as [|p x ps xs Px P]; [unfold dot; simpl; lra|].
  destruct Q as [|r y rs ys Qy Q]; [unfold dot; simpl; lra|].
  cbn [map2 add_products]. rewrite dot_cons.
  eapply Rle_trans; [|apply IH; eassumption]. destruct (Z.eqb_spec m 0) as [-> | _]; [lra|].
  pose proof (worth_product z m p r x y s Z1 Px Qy). lra.
Qed.

Lemma dot_nonneg : forall m v, Forall (fun k => (0 <= k)%Z) m -> Forall (fun x => 0 <= x) v -> 0 <= dot m v.
Proof.
  intros m v M. revert v. induction M as [|k m K M IH]; intros [|x v] V; try (unfold dot; simpl; lra).
  rewrite dot_cons. inversion V; subst. apply IZR_le in K. specialize (IH v H2).
  assert (0 <= IZR k * x) by (apply Rmult_le_pos; assumption). lra.
Qed.

Lemma dot_of_zeros : forall m v, Forall (fun x => x = 0) v -> dot m v = 0.
Proof.
  induction m as [|k m IH]; intros v V; [reflexivity|]. destruct V as [|x v X V]; [apply dot_nil_r|].
  rewrite dot_cons, IH by assumption. subst x. lra.
Qed.

Lemma pospart_all m : Forall (fun k => (0 <= k)%Z) (map pospart m).
Proof. apply Forall_forall. intros k I. apply in_map_iff in I as (x & <- & _). unfold pospart. lia. Qed.

Lemma shifted_all m bits : (0 <= bits)%Z -> Forall (fun k => (0 <= k)%Z) m ->
  Forall (fun k => (0 <= k)%Z) (map (fun m => Z.shiftl m bits) m).
Proof. intros B M. induction M; simpl; constructor; [apply Z.shiftl_nonneg|]; assumption. Qed.

(** ** Facts *)

Definition in_units (blocks : list block) (bits : Z) (vals : list (list R)) (b : nat) : list R :=
  map (fun v => v * pow2 (bits - bk_scale (nth b blocks no_block))) (values vals b).

Section Facts.

Variable region : option ball.
Variable blocks : list block.
Variable bits : Z.
Variable bd : bounds.
Variable made : list (list entry).
Variable vals : list (list R).
Variable z : list R.

Hypothesis plan_holds : plan_means region blocks vals.
Hypothesis scales : forallb (scales_agree blocks) blocks = true.
Hypothesis within_units : forall b,
  within (low_of blocks bits bd b) (high_of blocks bits bd b) (in_units blocks bits vals b).
Hypothesis all_told : forall b, told z (nth b made []) (in_units blocks bits vals b).
Hypothesis small : Forall (fun x => Rabs x <= 1) z.
Hypothesis first : nth 0 z 0 = 1.
Hypothesis bits_positive : (0 <= bits)%Z.

Let X := in_units blocks bits vals.

Lemma dot_one k : dot [k] z = IZR k.
Proof. destruct z as [|x z']; simpl in first; [lra|]. rewrite dot_cons, first. unfold dot; simpl. lra. Qed.

(** What the factors of a fact are worth. *)
Definition factors_hold (k : fact_name) (f : list entry * option (list entry)) : Prop :=
  match f with
  | (ps, None) => exists xs, told z ps xs /\ Forall (fun x => 0 <= x) xs
  | (ps, Some rs) => exists xs ys, told z ps xs /\ told z rs ys /\
      Forall (fun x => if is_free k then x = 0 else 0 <= x) (map2 Rmult xs ys)
  end.

Lemma told_from_low : forall lo hi es xs, within lo hi xs -> told z es xs ->
  told z (map2 from_low lo es) (map2 (fun l x => x - IZR l) lo xs)
  /\ Forall (fun x => 0 <= x) (map2 (fun l x => x - IZR l) lo xs).
Proof.
  intros lo hi es xs W. revert es. induction W as [|l h x lo hi xs B W IH]; intros es T; inversion T; subst; simpl.
  - split; constructor.
  - destruct (IH _ H3) as [I1 I2]. split; constructor; try assumption; [|lra].
    unfold tells in *. unfold from_low; cbn [fst snd]. rewrite dot_addl, dot_one, opp_IZR.
    replace (x - IZR l - (- IZR l + dot (fst x0) z)) with (x - dot (fst x0) z) by ring. assumption.
Qed.

Lemma told_to_high : forall lo hi es xs, within lo hi xs -> told z es xs ->
  told z (map2 to_high hi es) (map2 (fun h x => IZR h - x) hi xs)
  /\ Forall (fun x => 0 <= x) (map2 (fun h x => IZR h - x) hi xs).
Proof.
  intros lo hi es xs W. revert es. induction W as [|l h x lo hi xs B W IH]; intros es T; inversion T; subst; simpl.
  - split; constructor.
  - destruct (IH _ H3) as [I1 I2]. split; constructor; try assumption; [|lra].
    unfold tells in *. unfold to_high; cbn [fst snd]. rewrite dot_axpy, dot_one.
    replace (IZR h - x - (-1 * dot (fst x0) z + IZR h)) with (- (x - dot (fst x0) z)) by ring.
    rewrite Rabs_Ropp. assumption.
Qed.

Lemma Forall_map2_mult : forall u v : list R, Forall (fun x => 0 <= x) u -> Forall (fun x => 0 <= x) v ->
  Forall (fun x => 0 <= x) (map2 Rmult u v).
Proof.
  intros u v U. revert v. induction U; intros v V; [constructor|]. destruct V; simpl; constructor; auto.
  apply Rmult_le_pos; assumption.
Qed.

Lemma scales_at b : (b < length blocks)%nat -> scales_agree blocks (nth b blocks no_block) = true.
Proof. intros L. rewrite forallb_forall in scales. apply scales, nth_In, L. Qed.

Lemma relu_units k x : relu x * pow2 k = relu (x * pow2 k).
Proof.
  unfold relu. pose proof (pow2_pos k). rewrite <- (Rmult_0_l (pow2 k)) at 2. symmetry.
  rewrite !(Rmult_comm _ (pow2 k)), <- RmaxRmult by lra. reflexivity.
Qed.

Lemma relu_block b s : bk_kind (nth b blocks no_block) = KRelu s -> X b = map relu (X s).
Proof.
  intros K. destruct (Nat.lt_ge_cases b (length blocks)) as [L | L];
    [|rewrite nth_overflow in K by assumption; discriminate].
  pose proof (scales_at b L) as S. unfold scales_agree in S. rewrite K in S. apply Z.eqb_eq in S.
  destruct (proj2 plan_holds b L) as (_ & _ & M). rewrite K in M. unfold X, in_units. rewrite M, S, !map_map.
  apply map_ext. intros x. apply relu_units.
Qed.

(** relu x (relu x - x) = 0. *)
Lemma relu_above : forall l, Forall (fun x => 0 <= x) (map2 Rminus (map relu l) l)
  /\ Forall (fun x => x = 0) (map2 Rmult (map relu l) (map2 Rminus (map relu l) l)).
Proof.
  induction l as [|x l [I1 I2]]; simpl; split; constructor; try assumption;
    unfold relu, Rmax; destruct (Rle_dec x 0); nra.
Qed.

(** The parts of a pair of relus: u = relu x, w = relu y, those of the coarse side as the pair selects them. *)
Lemma relu_gathered sigma l : gathered sigma (map relu l) = map relu (gathered sigma l).
Proof.
  destruct sigma as [index|]; [|reflexivity]. simpl. unfold gather. rewrite map_map. apply map_ext. intros j.
  unfold nthz. assert (R0 : relu 0 = 0) by (unfold relu; apply Rmax_right; lra).
  destruct (j <? 0)%Z; [symmetry; exact R0|]. rewrite <- R0 at 1. apply map_nth.
Qed.

Lemma pair_block b u w sigma inner x y : bk_kind (nth b blocks no_block) = KPairRelu u w sigma inner x y ->
  X u = map relu (X x) /\ gathered sigma (X w) = map relu (gathered sigma (X y)).
Proof.
  intros K. destruct (Nat.lt_ge_cases b (length blocks)) as [L | L];
    [|rewrite nth_overflow in K by assumption; discriminate].
  pose proof (scales_at b L) as S. unfold scales_agree in S. rewrite K in S.
  apply andb_prop in S as [S S3]. apply andb_prop in S as [S S2]. apply andb_prop in S as [_ S1].
  apply Z.eqb_eq in S1, S2, S3.
  destruct (proj2 plan_holds b L) as (_ & _ & M). rewrite K in M. destruct M as (_ & U & W & _).
  rewrite <- relu_gathered. unfold X, in_units. rewrite U, W, S1, S2, S3, !map_map.
  split; [|f_equal]; apply map_ext; intros v; apply relu_units.
Qed.

Lemma relu_pairs : forall p q,
  let u := map relu p in let w := map relu q in
  Forall (fun x => 0 <= x) (map2 Rmult (map2 Rminus u w) (map2 Rminus (map2 Rminus p q) (map2 Rminus u w)))
  /\ Forall (fun x => 0 <= x) (map2 Rmult w (map2 Rminus u p))
  /\ Forall (fun x => 0 <= x) (map2 Rmult u (map2 Rminus w q)).
Proof.
  induction p as [|a p IH]; intros [|c q]; simpl; repeat split; try constructor; try apply IH;
    unfold relu, Rmax; destruct (Rle_dec a 0), (Rle_dec c 0); nra.
Qed.

Lemma factors_told k b : factors_hold k (factors blocks bits bd made k b).
Proof.
  assert (N : factors_hold k ([], None)) by (exists []; split; constructor).
  destruct (told_from_low _ _ _ _ (within_units b) (all_told b)) as [L1 L2].
  destruct (told_to_high _ _ _ _ (within_units b) (all_told b)) as [H1 H2].
  unfold factors. destruct k; simpl; eauto using Forall_map2_mult.
  - eexists; eexists. split; [exact L1|]. split; [exact H1|]. apply Forall_map2_mult; assumption.
  - destruct (bk_kind (nth b blocks no_block)) as [|s| | | | |] eqn:K; try exact N.
    exists (map2 Rminus (X b) (X s)). split; [apply told_minus; apply all_told|].
    rewrite (relu_block b s K). apply relu_above.
  - destruct (bk_kind (nth b blocks no_block)) as [|s| | | | |] eqn:K; try exact N.
    exists (X b), (map2 Rminus (X b) (X s)). split; [apply all_told|]. split; [apply told_minus; apply all_told|].
    rewrite (relu_block b s K). apply relu_above.
  - destruct (bk_kind (nth b blocks no_block)) as [| | | | |u w sigma inner x y|] eqn:K; try exact N.
    destruct (pair_block _ _ _ _ _ _ _ K) as [U W].
    exists (map2 Rminus (X u) (gathered sigma (X w))),
      (map2 Rminus (map2 Rminus (X x) (gathered sigma (X y))) (map2 Rminus (X u) (gathered sigma (X w)))).
    repeat split; try (repeat apply told_minus; try apply told_entries; apply all_told).
    rewrite U, W. apply relu_pairs.
  - destruct (bk_kind (nth b blocks no_block)) as [| | | | |u w sigma inner x y|] eqn:K; try exact N.
    destruct (pair_block _ _ _ _ _ _ _ K) as [U W].
    exists (gathered sigma (X w)), (map2 Rminus (X u) (X x)).
    repeat split; try (repeat apply told_minus; try apply told_entries; apply all_told).
    rewrite U, W. apply relu_pairs.
  - destruct (bk_kind (nth b blocks no_block)) as [| | | | |u w sigma inner x y|] eqn:K; try exact N.
    destruct (pair_block _ _ _ _ _ _ _ K) as [U W].
    exists (X u), (map2 Rminus (gathered sigma (X w)) (gathered sigma (X y))).
    repeat split; try (repeat apply told_minus; try apply told_entries; apply all_told).
    rewrite U, W. apply relu_pairs.
Qed.

(** Entries of a linear fact. *)
Lemma linear_entries k b e :
  exists xs, told z (match factors blocks bits bd made k b with
                     | (ps, None) => map (fun i => nth i ps no_entry) e
                     | _ => []
                     end) xs
             /\ Forall (fun x => 0 <= x) xs.
Proof.
  pose proof (factors_told k b) as F. destruct (factors blocks bits bd made k b) as [ps [rs|]].
  - exists []. split; constructor.
  - destruct F as (xs & T & P). exists (map (fun i => nth i xs 0) e). split.
    + induction e as [|i e IH]; simpl; constructor; [apply told_nth, T | exact IH].
    + apply Forall_forall. intros x I. apply in_map_iff in I as (i & <- & _).
      destruct (Nat.lt_ge_cases i (length xs)) as [L | L]; [|rewrite nth_overflow by assumption; lra].
      rewrite Forall_forall in P. apply P, nth_In, L.
Qed.

Theorem fact_worth s f : worth z s <= worth z (add_fact blocks bits bd made s f).
Proof.
  destruct f as [k b ms | k b e k' b' e' ms]; unfold add_fact.
  - pose proof (factors_told k b) as F. destruct (factors blocks bits bd made k b) as [ps [rs|]] eqn:E.
    + destruct F as (xs & ys & P & Q & N).
      eapply Rle_trans; [|apply (worth_products z small _ _ _ xs ys); assumption].
      destruct (is_free k); [rewrite dot_of_zeros by assumption; lra|].
      pose proof (dot_nonneg _ _ (pospart_all ms) N). lra.
    + destruct F as (xs & P & N). eapply Rle_trans; [|apply (worth_linears z bits _ _ xs); assumption].
      destruct (is_free k) eqn:K.
      * assert (ps = []) as ->.
        { destruct k; try discriminate. unfold factors in E. destruct (bk_kind (nth b blocks no_block)); congruence. }
        inversion P; subst. rewrite dot_nil_r. lra.
      * pose proof (dot_nonneg _ _ (shifted_all _ bits bits_positive (pospart_all ms)) N). lra.
  - destruct (linear_entries k b e) as (xs & P & N). destruct (linear_entries k' b' e') as (ys & P' & N').
    eapply Rle_trans; [|apply (worth_products z small _ _ _ xs ys); assumption].
    pose proof (dot_nonneg _ _ (pospart_all ms) (Forall_map2_mult _ _ N N')). lra.
Qed.

Theorem facts_worth facts : forall s, worth z s <= worth z (fold_left (add_fact blocks bits bd made) facts s).
Proof.
  induction facts as [|f facts IH]; intros s; simpl; [lra|]. eapply Rle_trans; [apply (fact_worth s f) | apply IH].
Qed.

End Facts.
