(** Every block's expressions hold of its values, at one point z = (1, t) with |t_i| <= 1. *)
From Coq Require Import ZArith Reals List Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax maps map_rules plans.
From Certify.rules Require Import matrices difference expressions expression_rules expression_images.
Import ListNotations.
Open Scope R_scope.

(** ** Points z *)

(** For each kind of coordinate: where an entry of it lies, and its value. *)
Definition target := Z -> Z * Z * R.
Definition aim (t : target) (k : Z) : R := let '(l, h, x) := t k in position l h x.
Definition inside (t : target) : Prop := forall k, let '(l, h, x) := t k in IZR l <= x <= IZR h.

(** The coordinates of one block. *)
Fixpoint taken (kinds : list Z) (ts : list target) : list R :=
  match kinds, ts with
  | k :: kinds', t :: ts' => if is_chosen k then aim t k :: taken kinds' ts' else taken kinds' ts'
  | k :: kinds', [] => if is_chosen k then 0 :: taken kinds' [] else taken kinds' []
  | [], _ => []
  end.

Lemma taken_length : forall kinds ts, length (taken kinds ts) = count kinds.
Proof.
  unfold count. induction kinds as [|k kinds IH]; intros ts; [reflexivity|].
  destruct ts; simpl; destruct (is_chosen k); simpl; rewrite IH; reflexivity.
Qed.

Lemma taken_small : forall kinds ts, Forall inside ts -> Forall (fun x => Rabs x <= 1) (taken kinds ts).
Proof.
  induction kinds as [|k kinds IH]; intros ts H; [constructor|].
  destruct H as [|t ts T H]; simpl; destruct (is_chosen k); auto; constructor; auto.
  - rewrite Rabs_R0. lra.
  - specialize (T k). unfold aim. destruct (t k) as [[l h] x]. apply position_size, T.
Qed.

Section point.
Variable targets : nat -> list target.

Definition all_taken (chosen : list (nat * list Z)) : list R :=
  concat (map (fun p => taken (snd p) (targets (fst p))) chosen).
Definition point (chosen : list (nat * list Z)) : list R := 1 :: all_taken chosen.

Lemma dimension_from : forall chosen n,
  fold_left (fun n (p : nat * list Z) => (n + count (snd p))%nat) chosen n = (n + length (all_taken chosen))%nat.
Proof.
  unfold all_taken. induction chosen as [|p chosen IH]; intros n; simpl; [lia|].
  rewrite IH, app_length, taken_length. lia.
Qed.

Lemma point_length chosen : length (point chosen) = dimension chosen.
Proof. unfold dimension. rewrite dimension_from. reflexivity. Qed.

Lemma all_taken_small chosen : (forall b, Forall inside (targets b)) ->
  Forall (fun x => Rabs x <= 1) (all_taken chosen).
Proof.
  intros H. unfold all_taken. induction chosen as [|p chosen IH]; simpl; [constructor|].
  apply Forall_app. split; [apply taken_small, H | exact IH].
Qed.

Lemma numbered_taken b at_ kinds : forall chosen from, In (b, (at_, kinds)) (numbered from chosen) ->
  (from <= at_)%nat /\ exists rest, skipn (at_ - from) (all_taken chosen) = taken kinds (targets b) ++ rest.
Proof.
  unfold all_taken. induction chosen as [|[b' kinds'] chosen IH]; intros from I; simpl in *; [contradiction|].
  destruct I as [E | I].
  - injection E as -> -> ->. split; [lia|]. rewrite Nat.sub_diag. eexists. reflexivity.
  - destruct (IH _ I) as [L [rest R0]]. split; [lia|]. exists rest.
    rewrite skipn_app, taken_length. rewrite skipn_all2 by (rewrite taken_length; lia). simpl.
    rewrite <- R0. f_equal. lia.
Qed.

Lemma point_taken b at_ kinds chosen : In (b, (at_, kinds)) (numbered 1 chosen) ->
  (1 <= at_)%nat /\ exists rest, skipn at_ (point chosen) = taken kinds (targets b) ++ rest.
Proof.
  intros I. destruct (numbered_taken _ _ _ _ _ I) as [L [rest R0]]. split; [exact L|]. exists rest.
  rewrite <- R0. unfold point. destruct at_; [lia|]. simpl. f_equal. lia.
Qed.

End point.

Lemma lookup_In {A} b (a : A) l : lookup b l = Some a -> In (b, a) l.
Proof.
  induction l as [|[k x] l IH]; simpl; [discriminate|].
  destruct (Nat.eqb_spec k b) as [-> | _]; [|auto]. intros E. injection E as ->. auto.
Qed.

Lemma skipn_cons {A} n (z : list A) x l d : skipn n z = x :: l -> nth n z d = x /\ skipn (S n) z = l.
Proof.
  revert z. induction n as [|n IH]; intros [|y z] E; simpl in *; try discriminate.
  - injection E as -> ->. auto.
  - apply (IH z E).
Qed.

(** ** Entries with coordinates *)

Section placing.
Variable z : list R.
Hypothesis one : nth 0 z 0 = 1.

Definition aims (c : Z -> nat -> entry) (t : target) (x : R) : Prop :=
  forall k at_, (1 <= at_)%nat -> nth at_ z 0 = aim t k -> tells z (c k at_) x.

Inductive aimed : list (Z -> nat -> entry) -> list target -> list R -> Prop :=
| aimed_nil : aimed [] [] []
| aimed_cons c t x cs ts xs : aims c t x -> aimed cs ts xs -> aimed (c :: cs) (t :: ts) (x :: xs).

Lemma placed_told cs ts xs : aimed cs ts xs -> forall kinds at_ out, (1 <= at_)%nat -> told z out xs ->
  (exists rest, skipn at_ z = taken kinds ts ++ rest) -> told z (placed at_ kinds cs out) xs.
Proof.
  induction 1 as [|c t x cs ts xs C H IH]; intros kinds at_ out A T [rest S].
  - destruct kinds; exact T.
  - destruct kinds as [|k kinds]; [exact T|]. inversion T as [|e y out' xs' E T' E1 E2]; subst. simpl in *.
    destruct (is_chosen k).
    + simpl in S. destruct (skipn_cons _ _ _ _ 0 S) as [S1 S2]. constructor; [apply C; assumption|].
      apply IH; [lia | exact T' | exists rest; exact S2].
    + constructor; [exact E|]. apply IH; [exact A | exact T' | exists rest; exact S].
Qed.

(** *** Input and free blocks *)

Fixpoint span_targets (lo hi : list Z) (xs : list R) : list target :=
  match lo, hi, xs with
  | l :: lo', h :: hi', x :: xs' => (fun _ => (l, h, x)) :: span_targets lo' hi' xs'
  | _, _, _ => []
  end.

Lemma span_targets_inside lo hi xs : within lo hi xs -> Forall inside (span_targets lo hi xs).
Proof. induction 1; simpl; constructor; auto. intros k. exact H. Qed.

Lemma spans_told lo hi xs : within lo hi xs -> told z (spans lo hi) xs.
Proof.
  unfold spans. induction 1 as [|l h x lo hi xs B W IH]; simpl; constructor; [|exact IH].
  unfold tells; simpl. destruct z as [|a z']; [simpl in one; lra|]. simpl in one. subst a.
  rewrite dot_cons. unfold dot; simpl. rewrite Rmult_1_r, Rplus_0_r. apply middle_between, B.
Qed.

Lemma spans_aimed lo hi xs : within lo hi xs -> aimed (span_choices lo hi) (span_targets lo hi xs) xs.
Proof.
  unfold span_choices. induction 1 as [|l h x lo hi xs B W IH]; simpl; constructor; [|exact IH].
  intros k at_ A E. apply tells_coordinate; assumption.
Qed.

(** *** Relu blocks *)

Fixpoint relu_targets (lo hi lz uz : list Z) (ys xs : list R) : list target :=
  match lo, hi, lz, uz, ys, xs with
  | a :: lo', b :: hi', l :: lz', u :: uz', y :: ys', x :: xs' =>
      (fun k => if (k <=? 1)%Z then (a, b, x) else (pospart (- u), pospart (- l), x - y))
      :: relu_targets lo' hi' lz' uz' ys' xs'
  | _, _, _, _, _, _ => []
  end.

Lemma relu_above l u y : IZR l <= y <= IZR u -> IZR (pospart (- u)) <= relu y - y <= IZR (pospart (- l)).
Proof.
  intros [A B]. assert (D : relu y - y = Rmax (- y) 0).
  { unfold relu, Rmax. destruct (Rle_dec y 0), (Rle_dec (- y) 0); lra. }
  assert (P : forall n, IZR (pospart (- n)) = Rmax (- IZR n) 0).
  { intros n. unfold pospart. rewrite <- opp_IZR. unfold Rmax.
    destruct (Rle_dec (IZR (- n)) 0) as [L | L], (Z.max_spec (- n) 0) as [[M ->] | [M ->]]; try reflexivity.
    - apply le_IZR in L. f_equal. lia.
    - exfalso. apply L. apply IZR_le. lia. }
  rewrite D, !P. split; apply Rle_max_compat_r; lra.
Qed.

Lemma relu_targets_inside lo hi xs : within lo hi xs -> forall lz uz ys, within lz uz ys -> xs = map relu ys ->
  Forall inside (relu_targets lo hi lz uz ys xs).
Proof.
  induction 1 as [|a b x lo hi xs B W IH]; intros lz uz ys Y E; [constructor|].
  destruct Y as [|l u y lz uz ys C Y]; simpl in *; [discriminate|]. injection E as E0 E.
  constructor; [|apply IH; assumption].
  intros k. destruct (k <=? 1)%Z; [exact B|]. rewrite E0. apply relu_above, C.
Qed.

Lemma tells_relu l u e y : IZR l <= y <= IZR u -> tells z e y -> tells z (relu_of l u e) (relu y).
Proof.
  intros B T. pose proof (relu_above l u y B) as [A1 A2].
  assert (P : 0 <= relu y <= IZR (pospart u)).
  { unfold relu, pospart. destruct B as [_ B]. split; [apply Rmax_r|].
    apply Rmax_lub; [eapply Rle_trans; [exact B | apply IZR_le, Z.le_max_l] | apply IZR_le, Z.le_max_r]. }
  assert (Q : 0 <= relu y - y).
  { unfold relu. pose proof (Rmax_l y 0). lra. }
  (* Each line is off by at most what lies on its wrong side; the nearer one by the lesser of both. *)
  unfold relu_of. destruct (Z.leb_spec (- l) u) as [N | N]; unfold tells in *; simpl.
  - rewrite plus_IZR. replace (Z.min (pospart (- l)) (pospart u)) with (pospart (- l)) by (unfold pospart; lia).
    replace (relu y - dot (fst e) z) with ((y - dot (fst e) z) + (relu y - y)) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. rewrite (Rabs_pos_eq (relu y - y)) by exact Q. lra.
  - replace (Z.min (pospart (- l)) (pospart u)) with (pospart u) by (unfold pospart; lia).
    unfold dot; simpl. rewrite Rminus_0_r, Rabs_pos_eq by lra. lra.
Qed.

Lemma relus_told lz uz ys : within lz uz ys -> forall es, told z es ys -> told z (relus_of lz uz es) (map relu ys).
Proof.
  induction 1 as [|l u y lz uz ys B W IH]; intros es T; inversion T; subst; simpl; constructor;
    [apply tells_relu | apply IH]; assumption.
Qed.

Lemma relus_aimed lo hi xs : within lo hi xs -> forall lz uz ys, within lz uz ys -> xs = map relu ys ->
  forall es, told z es ys -> aimed (relu_choices lo hi lz uz es) (relu_targets lo hi lz uz ys xs) xs.
Proof.
  induction 1 as [|a b x lo hi xs B W IH]; intros lz uz ys Y E es T.
  - destruct Y; [|discriminate]. constructor.
  - destruct Y as [|l u y lz uz ys C Y]; [discriminate|]. injection E as E0 E.
    inversion T as [|e y' es' ys' T0 T' E1 E2]; subst. simpl. constructor; [|apply IH; auto].
    intros k at_ A P. unfold relu_choice. unfold aim in P. destruct (k <=? 1)%Z.
    + apply tells_coordinate; assumption.
    + replace (relu y) with ((relu y - y) + y) by ring. apply tells_plus; [|exact T0].
      apply tells_coordinate; [exact A | exact one | apply relu_above, C | exact P].
Qed.

End placing.

(** *** Entries that coordinates of a difference give *)

Section giving.
Variable z : list R.
Hypothesis one : nth 0 z 0 = 1.

Lemma put_at_told e ws : forall n out, told z out ws -> tells z e (nth n ws 0) -> told z (put_at n e out) ws.
Proof.
  induction ws as [|w ws IH]; intros n out T E; inversion T; subst; [destruct n; constructor|].
  destruct n; simpl; constructor; auto. apply IH; assumption.
Qed.

Lemma put_all_told ws found : Forall (fun g => tells z (snd g) (nth (Z.to_nat (fst g)) ws 0)) found ->
  forall out, told z out ws -> told z (fold_left (fun o g => put_at (Z.to_nat (fst g)) (snd g) o) found out) ws.
Proof.
  induction 1 as [|g found G F IH]; intros out T; [exact T|]. simpl. apply IH. apply put_at_told; assumption.
Qed.

Lemma given_told ws lo hi ds : within lo hi ds -> forall kinds at_ goals fine us, (1 <= at_)%nat -> told z fine us ->
  (exists rest, skipn at_ z = taken kinds (span_targets lo hi ds) ++ rest) ->
  (forall i, (i < length ds)%nat -> (i < length goals)%nat -> (0 <= nth i goals 0)%Z ->
     nth (Z.to_nat (nth i goals 0%Z)) ws 0 = nth i us 0 - nth i ds 0) ->
  forallb (Z.leb 0) (map fst (given at_ kinds goals lo hi fine)) = true ->
  Forall (fun g => tells z (snd g) (nth (Z.to_nat (fst g)) ws 0)) (given at_ kinds goals lo hi fine).
Proof.
  induction 1 as [|l h d lo hi ds B W IH]; intros kinds at_ goals fine us A T [rest S] G P.
  - destruct kinds, goals; constructor.
  - destruct kinds as [|k kinds], goals as [|g goals]; try constructor.
    inversion T as [|e u fine' us' E T' E1 E2]; subst; [constructor|]. simpl in *.
    assert (G' : forall i, (i < length ds)%nat -> (i < length goals)%nat -> (0 <= nth i goals 0)%Z ->
      nth (Z.to_nat (nth i goals 0%Z)) ws 0 = nth i us' 0 - nth i ds 0).
    { intros i I J N. apply (G (Datatypes.S i)); [lia | lia | exact N]. }
    destruct (is_chosen k); simpl in *.
    + apply andb_prop in P as [P0 P]. apply Z.leb_le in P0.
      destruct (skipn_cons _ _ _ _ 0 S) as [S1 S2]. constructor.
      * simpl. rewrite (G 0%nat ltac:(lia) ltac:(lia) P0). apply tells_minus; [exact E|].
        apply tells_coordinate; assumption.
      * apply (IH _ _ _ _ us'); try assumption; [lia | exists rest; exact S2].
    + apply (IH _ _ _ _ us'); try assumption. exists rest. exact S.
Qed.

End giving.

(** ** All blocks *)

Section Leaf.
Variables (region : option ball) (blocks : list block) (vals : list (list R)) (bd : bounds).
Variables (maps_q : prepared) (q bits : Z) (chosen : list (nat * list Z)).
Hypothesis plan : plan_means region blocks vals.
Hypothesis sorted : earlier blocks = true.
Hypothesis hold : bounds_hold bd vals.
Hypothesis all : length (bd_lo bd) = length blocks.
Hypothesis agree : forallb (scales_agree blocks) blocks = true.
Hypothesis ready : forall b, (b < length blocks)%nat ->
  prepare_block q (nth b blocks no_block) = Some (nth b maps_q []).

(** Values in units of 2^-bits. *)
Definition real (b : nat) : list R :=
  map (Rmult (pow2 (bits - bk_scale (nth b blocks no_block)))) (values vals b).

Let low := low_of blocks bits bd.
Let high := high_of blocks bits bd.

Lemma real_within b : within (low b) (high b) (real b).
Proof.
  destruct hold as (E & L & H). destruct plan as [PL _].
  assert (W : within (lows bd b) (highs bd b) (values vals b)).
  { destruct (Nat.lt_ge_cases b (length (bd_lo bd))) as [I | O]; [apply H, I|].
    unfold lows, highs, values. rewrite !nth_overflow by lia. constructor. }
  unfold low, high, low_of, high_of, real.
  apply (within_map _ _ (Rmult (pow2 (bits - bk_scale (nth b blocks no_block))))); [|exact W].
  intros l u x B. set (t := (bits - bk_scale (nth b blocks no_block))%Z).
  pose proof (shift_down_le l t). pose proof (shift_up_ge u t). pose proof (pow2_pos t).
  assert (IZR l * pow2 t <= x * pow2 t) by (apply Rmult_le_compat_r; lra).
  assert (x * pow2 t <= IZR u * pow2 t) by (apply Rmult_le_compat_r; lra). lra.
Qed.

Lemma scales b : (b < length blocks)%nat -> scales_agree blocks (nth b blocks no_block) = true.
Proof. intros L. rewrite forallb_forall in agree. apply agree, nth_In, L. Qed.

Lemma relu_factor k v : 0 < k -> map relu (map (Rmult k) v) = map (Rmult k) (map relu v).
Proof.
  intros K. rewrite !map_map. apply map_ext. intros x. unfold relu. rewrite <- (Rmult_0_r k) at 1.
  rewrite RmaxRmult by lra. reflexivity.
Qed.

Lemma real_relu b s : bk_scale (nth s blocks no_block) = bk_scale (nth b blocks no_block) ->
  values vals b = map relu (values vals s) -> real b = map relu (real s).
Proof. intros E V. unfold real. rewrite V, E, relu_factor by apply pow2_pos. reflexivity. Qed.

Lemma gathered_factor k sigma v : gathered sigma (map (Rmult k) v) = map (Rmult k) (gathered sigma v).
Proof.
  destruct sigma as [index|]; [|reflexivity]. simpl. unfold gather. rewrite map_map. apply map_ext. intros j.
  unfold nthz. destruct (j <? 0)%Z; [ring|]. apply nth_factor.
Qed.

Lemma real_difference delta sigma u w d :
  bk_scale (nth d blocks no_block) = (bk_scale (nth u blocks no_block) + delta)%Z ->
  bk_scale (nth w blocks no_block) = bk_scale (nth u blocks no_block) ->
  difference_means delta sigma (values vals u) (values vals w) (values vals d) ->
  real d = map2 Rminus (real u) (gathered sigma (real w)) /\ length (real u) = length (real d)
  /\ length (gathered sigma (real w)) = length (real d).
Proof.
  intros Ed Ew (L1 & L2 & V). unfold real. rewrite Ed, Ew, gathered_factor, !map_length.
  split; [|split; assumption]. rewrite V, map_map2, map2_map. apply map2_ext. intros a c.
  replace (bits - bk_scale (nth u blocks no_block))%Z
    with (bits - (bk_scale (nth u blocks no_block) + delta) + delta)%Z by ring.
  rewrite bpow_plus. ring.
Qed.

Lemma real_pair b u w sigma : (b < length blocks)%nat -> pair_of (nth b blocks no_block) = Some (u, w, sigma) ->
  real b = map2 Rminus (real u) (gathered sigma (real w)) /\ length (real u) = length (real b)
  /\ length (gathered sigma (real w)) = length (real b).
Proof.
  intros B K. destruct plan as [_ PM]. destruct (pair_means _ _ _ _ _ _ _ (PM b B) K) as (_ & D & _).
  pose proof (scales b B) as S. apply (real_difference (bk_delta (nth b blocks no_block))); [| |exact D];
    unfold scales_agree in S; unfold pair_of in K; destruct (bk_kind (nth b blocks no_block)); try discriminate;
    injection K as -> -> ->; repeat (apply andb_prop in S as [S ?]);
    repeat match goal with H : (_ =? _)%Z = true |- _ => apply Z.eqb_eq in H end; assumption.
Qed.

(** *** The point *)

Definition targets (b : nat) : list target :=
  match bk_kind (nth b blocks no_block) with
  | KRelu s => relu_targets (low b) (high b) (low s) (high s) (real s) (real b)
  | _ => span_targets (low b) (high b) (real b)
  end.

Lemma relu_means b s : (b < length blocks)%nat -> bk_kind (nth b blocks no_block) = KRelu s ->
  real b = map relu (real s) /\ (s < b)%nat.
Proof.
  intros B K. destruct plan as [_ PM]. destruct (PM b B) as (_ & _ & M). pose proof (scales b B) as S.
  pose proof (earlier_sources _ _ sorted B s) as O. unfold sources in O. unfold scales_agree in S. rewrite K in *.
  apply Z.eqb_eq in S. split; [apply real_relu; assumption | apply O; simpl; auto].
Qed.

Lemma targets_inside b : Forall inside (targets b).
Proof.
  unfold targets. destruct (Nat.lt_ge_cases b (length blocks)) as [B | B].
  - destruct (bk_kind (nth b blocks no_block)) eqn:K; try (apply span_targets_inside, real_within).
    destruct (relu_means b _ B K) as [V _]. apply relu_targets_inside;
      [apply real_within | apply real_within | exact V].
  - rewrite nth_overflow by exact B. simpl. apply span_targets_inside, real_within.
Qed.

Definition z : list R := point targets chosen.

Lemma z_one : nth 0 z 0 = 1.
Proof. reflexivity. Qed.

Lemma z_small : Forall (fun x => Rabs x <= 1) z.
Proof.
  constructor; [rewrite Rabs_R1; lra|]. apply all_taken_small. intros b. apply targets_inside.
Qed.

Let numbers := numbered 1 chosen.

Lemma with_coordinates_told b cs out : aimed z cs (targets b) (real b) -> told z out (real b) ->
  told z (with_coordinates numbers b cs out) (real b).
Proof.
  intros A T. unfold with_coordinates. destruct (lookup b numbers) as [[at_ kinds]|] eqn:E; [|exact T].
  destruct (point_taken targets b at_ kinds chosen (lookup_In _ _ _ E)) as [L S].
  eapply placed_told; [exact A | exact L | exact T | exact S].
Qed.

(** *** One block after others *)

Definition made_told (made : list (list entry)) : Prop :=
  forall b, (b < length made)%nat -> told z (nth b made []) (real b).

Lemma from_pairs_told b made : (b < length blocks)%nat -> length made = b -> made_told made ->
  forall l, (forall p, In p l -> In p numbers) -> forall out out', told z out (real b) ->
  from_pairs blocks bits bd b made l out = Some out' -> told z out' (real b).
Proof.
  intros B M T. induction l as [|[p [at_ kinds]] l IH]; intros I out out' O E; simpl in E;
    [injection E as <-; exact O|].
  assert (I' : forall p, In p l -> In p numbers) by (intros; apply I; simpl; auto).
  destruct (pair_of (nth p blocks no_block)) as [[[u w] sigma]|] eqn:K; [|eapply IH; eassumption].
  destruct (Nat.eqb w b && existsb is_chosen kinds)%bool eqn:W; [|eapply IH; eassumption].
  apply andb_prop in W as [W _]. apply Nat.eqb_eq in W. subst w.
  fold low high in E.
  set (goals := match sigma with None => map Z.of_nat (seq 0 (length kinds)) | Some index => index end) in *.
  set (found := given at_ kinds goals (low p) (high p) (nth u made [])) in *.
  destruct ((u <? b)%nat && forallb (Z.leb 0) (map fst found) && all_distinct (map fst found))%bool eqn:C;
    [|discriminate].
  apply andb_prop in C as [C _]. apply andb_prop in C as [C1 C2]. apply Nat.ltb_lt in C1.
  refine (IH I' _ _ _ E). apply put_all_told; [|exact O].
  assert (P : (p < length blocks)%nat).
  { destruct (Nat.lt_ge_cases p (length blocks)) as [L | L]; [exact L|].
    rewrite nth_overflow in K by exact L. discriminate. }
  destruct (real_pair p u b sigma P K) as (V & L1 & L2).
  destruct (point_taken targets p at_ kinds chosen (I _ (or_introl eq_refl))) as [A S].
  assert (S' : exists rest, skipn at_ z = taken kinds (span_targets (low p) (high p) (real p)) ++ rest).
  { unfold targets in S. unfold pair_of in K. destruct (bk_kind (nth p blocks no_block)); try discriminate; exact S. }
  apply (given_told z z_one (real b) (low p) (high p) (real p) (real_within p) kinds at_ goals _ (real u));
    [exact A | apply T; lia | exact S' | | exact C2].
  intros i I1 I2 G. rewrite V.
  assert (N : nth i (map2 Rminus (real u) (gathered sigma (real b))) 0
              = nth i (real u) 0 - nth i (gathered sigma (real b)) 0).
  { clear - L1 L2. assert (L : length (real u) = length (gathered sigma (real b))) by lia. revert L. clear.
    generalize (real u) (gathered sigma (real b)). intros a c. revert i c.
    induction a as [|x a IH]; intros [|i] [|y c] L; simpl in *; try discriminate; try lra. apply IH. lia. }
  rewrite N. replace (nth i (gathered sigma (real b)) 0) with (nth (Z.to_nat (nth i goals 0%Z)) (real b) 0); [ring|].
  unfold goals in *. destruct sigma as [index|]; simpl.
  - assert (H : nth i (gather index (real b)) 0 = nthz 0 (real b) (nth i index 0%Z)).
    { unfold gather. rewrite (nth_indep _ 0 (nthz 0 (real b) 0%Z)) by (rewrite map_length; exact I2). apply map_nth. }
    rewrite H. unfold nthz. destruct (Z.ltb_spec (nth i index 0%Z) 0); [lia | reflexivity].
  - rewrite map_length, seq_length in I2. rewrite (nth_map Z.of_nat 0%nat) by reflexivity.
    rewrite seq_nth by exact I2. rewrite Nat2Z.id. reflexivity.
Qed.

(** *** Affine blocks *)

(** Entries told by number. *)
Definition holds (es : list entry) (n : nat) (f : nat -> R) : Prop :=
  length es = n /\ forall i, (i < n)%nat -> tells z (nth i es no_entry) (f i).

Lemma add_images_nth : forall n out between down up,
  length out = n -> length between = n -> length down = n -> length up = n ->
  length (add_images q out between down up) = n /\ forall i, (i < n)%nat ->
    nth i (add_images q out between down up) no_entry
    = add_image q (nth i out no_entry) (nth i between ([], [])) (nth i down 0%Z, nth i up 0%Z).
Proof.
  induction n as [|n IH]; intros [|e out] [|b between] [|l down] [|u up] L1 L2 L3 L4; simpl in *; try discriminate.
  - split; [reflexivity|]. intros i I. lia.
  - destruct (IH out between down up) as [A B]; try lia. split; [lia|].
    intros [|i] I; [reflexivity|]. apply B. lia.
Qed.

Lemma add_terms_told made n scale : made_told made -> forall terms Ms,
  Forall2 (fun t M => fm_means (rt_map t) M /\ (0 < rt_den t)%Z /\ length (apply M (values vals (rt_source t))) = n)
    terms Ms ->
  Forall (fun t => (rt_source t < length made)%nat
                   /\ rt_shift t = (scale - bk_scale (nth (rt_source t) blocks no_block))%Z) terms ->
  forall ms out out' f, prepare q terms = Some ms -> holds out n f -> add_terms q made terms ms out = Some out' ->
  holds out' n (fun i => f i + pow2 (bits - scale) * terms_at i terms Ms (values vals)).
Proof.
  intros T terms Ms H. induction H as [|t M terms Ms (HM & D & L) H IH]; intros G ms out out' f P O E; simpl in *.
  - injection P as <-. injection E as <-. destruct O as [O1 O2]. split; [exact O1|]. intros i I. simpl.
    rewrite Rmult_0_r, Rplus_0_r. apply O2, I.
  - apply Forall_cons_iff in G as [[G1 G2] G'].
    destruct (scaled (rt_map t) (rt_num t) (rt_den t) (rt_shift t + q)) as [m|] eqn:S; [|discriminate].
    destruct (prepare q terms) as [ms'|] eqn:P'; [|discriminate]. injection P as <-. simpl in E.
    destruct (unshifted q t m) as [im|] eqn:U; [|discriminate].
    assert (S' : scaled (rt_map t) (rt_num t) (rt_den t) q = Some im).
    { unfold unshifted in U. destruct (Z.eqb_spec (rt_shift t) 0) as [E0 | _]; [|exact U].
      injection U as <-. rewrite E0 in S. exact S. }
    destruct (image_of_range im (map snd (nth (rt_source t) made []))) as [down up] eqn:R0.
    destruct (image_told _ M _ _ q im HM D S' z _ _ z_small (T _ G1) down up R0) as (L1 & L2 & L3 & N).
    assert (Ln : length (apply M (real (rt_source t))) = n).
    { rewrite <- L. apply apply_same_length. unfold real. apply map_length. }
    rewrite Ln in *. destruct O as [O1 O2].
    destruct (add_images_nth n out _ _ _ O1 L1 L2 L3) as [A1 A2].
    assert (O' : holds (add_images q out (image_rows im (map fst (nth (rt_source t) made []))) down up) n
      (fun i => f i + IZR (rt_num t) / IZR (rt_den t) * nth i (apply M (real (rt_source t))) 0)).
    { split; [exact A1|]. intros i I. rewrite A2 by exact I. apply N; [exact I | apply O2, I]. }
    pose proof R0 as R1. unfold image_of_range in R1. injection R1 as R1 R2. rewrite R1, R2 in E.
    destruct (IH G' ms' _ _ _ eq_refl O' E) as [F1 F2]. split; [exact F1|]. intros i I.
    specialize (F2 i I). simpl in F2 |- *.
    replace (f i + _) with (f i + IZR (rt_num t) / IZR (rt_den t) * nth i (apply M (real (rt_source t))) 0
      + pow2 (bits - scale) * terms_at i terms Ms (values vals)); [exact F2|].
    unfold real, rt_factor. rewrite apply_factor, nth_factor, G2.
    replace (bits - bk_scale (nth (rt_source t) blocks no_block))%Z
      with ((bits - scale) + (scale - bk_scale (nth (rt_source t) blocks no_block)))%Z by ring.
    rewrite bpow_plus. ring.
Qed.

Lemma add_bias_told bias scale n beta out f : bias_means bias scale n beta -> holds out n f ->
  holds (add_bias bits bias out) n (fun i => f i + pow2 (bits - scale) * nth i beta 0).
Proof.
  intros B [O1 O2]. destruct bias as [[[lo hi] h]|]; simpl in *.
  - destruct B as [L W]. destruct (within_length _ _ _ W) as [L1 L2]. rewrite map_length in L1, L2.
    set (t := (bits - h)%Z).
    assert (N : forall a : list Z, forall c out, length a = length out -> length c = length out ->
      length (map2 plus out (map2 (rounded t) a c)) = length out
      /\ forall i, (i < length out)%nat ->
        nth i (map2 plus out (map2 (rounded t) a c)) no_entry
        = plus (nth i out no_entry) (rounded t (nth i a 0%Z) (nth i c 0%Z))).
    { clear. induction a as [|x a IH]; intros [|y c] [|e out] La Lc; simpl in *; try discriminate.
      - split; [reflexivity|]. intros i I. lia.
      - destruct (IH c out) as [A B]; try lia. split; [exact (f_equal Datatypes.S A)|].
        intros [|i] I; [reflexivity|]. apply B, Nat.succ_lt_mono, I. }
    destruct (N lo hi out) as [N1 N2]; try lia. split; [rewrite <- O1; exact N1|]. intros i I.
    rewrite N2 by (rewrite O1; exact I). apply tells_plus; [apply O2, I|].
    pose proof (within_nth _ _ _ W i) as B. rewrite map_length in B. specialize (B ltac:(lia)).
    rewrite (nth_map _ 0) in B by ring.
    pose proof (shift_down_le (nth i lo 0%Z) t) as D. pose proof (shift_up_ge (nth i hi 0%Z) t) as U.
    pose proof (pow2_pos t) as P. set (x := nth i beta 0) in *.
    assert (E : pow2 (bits - scale) * x = x * pow2 (h - scale) * pow2 t).
    { rewrite Rmult_assoc, <- bpow_plus. unfold t. replace (h - scale + (bits - h))%Z with (bits - scale)%Z by ring.
      ring. }
    assert (IZR (nth i lo 0%Z) * pow2 t <= x * pow2 (h - scale) * pow2 t) by (apply Rmult_le_compat_r; lra).
    assert (x * pow2 (h - scale) * pow2 t <= IZR (nth i hi 0%Z) * pow2 t) by (apply Rmult_le_compat_r; lra).
    unfold tells, rounded, z, point. simpl. rewrite dot_cons, E. unfold dot; simpl.
    rewrite minus_IZR, Rmult_1_r, Rplus_0_r.
    rewrite Rabs_pos_eq; lra.
  - split; [exact O1|]. intros i I. subst beta. replace (nth i (repeat 0 n) 0) with 0.
    + rewrite Rmult_0_r, Rplus_0_r. apply O2, I.
    + clear. revert i. induction n; intros [|i]; simpl; auto.
Qed.

Lemma affine_told b r made out : (b < length blocks)%nat -> length made = b -> made_told made ->
  bk_kind (nth b blocks no_block) = KAffine r ->
  add_terms q made (rl_terms r) (nth b maps_q []) (repeat no_entry (bk_size (nth b blocks no_block))) = Some out ->
  told z (add_bias bits (rl_bias r) out) (real b).
Proof.
  intros B LM T K E. destruct plan as [_ PM]. destruct (PM b B) as (S & _ & M). pose proof (scales b B) as A.
  pose proof (earlier_sources _ _ sorted B) as O. pose proof (ready b B) as P.
  unfold prepare_block, relation_of in P. unfold sources in O. unfold scales_agree in A. rewrite K in *.
  set (n := bk_size (nth b blocks no_block)) in *. set (scale := bk_scale (nth b blocks no_block)) in *.
  destruct M as (Ms & beta & H & BM & V).
  assert (G : Forall (fun t => (rt_source t < length made)%nat
                   /\ rt_shift t = (scale - bk_scale (nth (rt_source t) blocks no_block))%Z) (rl_terms r)).
  { apply Forall_forall. intros t I. split; [rewrite LM; apply O, in_map, I|].
    rewrite forallb_forall in A. apply Z.eqb_eq, A, I. }
  assert (O0 : holds (repeat no_entry n) n (fun _ => 0)).
  { split; [apply repeat_length|]. intros i I. replace (nth i (repeat no_entry n) no_entry) with no_entry.
    - apply tells_nothing.
    - clear. revert i. induction n; intros [|i]; simpl; auto. }
  pose proof (add_terms_told made n scale T _ _ H G _ _ _ _ P O0 E) as O1.
  pose proof (add_bias_told _ scale n beta _ _ BM O1) as [O2 O3].
  assert (LV : length (real b) = n) by (unfold real; rewrite map_length; exact S).
  apply told_of_nth; [lia|]. intros i I. rewrite LV in I. specialize (O3 i I). simpl in O3.
  replace (nth i (real b) 0) with (0 + pow2 (bits - scale) * terms_at i (rl_terms r) Ms (values vals)
    + pow2 (bits - scale) * nth i beta 0); [exact O3|].
  unfold real. fold scale. rewrite nth_factor, V.
  set (g := fun i => nth i beta 0 + terms_at i (rl_terms r) Ms (values vals)).
  assert (N : nth i (map g (seq 0 n)) 0 = g i).
  { rewrite (nth_indep _ 0 (g 0%nat)) by (rewrite map_length, seq_length; exact I).
    rewrite map_nth, seq_nth by exact I. reflexivity. }
  rewrite N. unfold g. ring.
Qed.

(** *** All blocks in order *)

Lemma express_told b made e : (b < length blocks)%nat -> length made = b -> made_told made ->
  express blocks maps_q q bits bd numbers b (nth b blocks no_block) made = Some e -> told z e (real b).
Proof.
  intros B LM T E. unfold express in E. pose proof (earlier_sources _ _ sorted B) as O. fold low high in E.
  destruct (pair_of (nth b blocks no_block)) as [[[u w] sigma]|] eqn:K.
  - injection E as <-. destruct (real_pair b u w sigma B K) as (V & _). rewrite V.
    destruct plan as [_ PM]. destruct (pair_means _ _ _ _ _ _ _ (PM b B) K) as (_ & _ & Iu & Iw).
    apply told_minus; [apply T; rewrite LM; apply O, Iu|].
    apply told_entries, T. rewrite LM. apply O, Iw.
  - assert (SP : targets b = span_targets (low b) (high b) (real b) ->
      told z (with_coordinates numbers b (span_choices (low b) (high b)) (spans (low b) (high b))) (real b)).
    { intros ET. apply with_coordinates_told; [|apply spans_told; [reflexivity | apply real_within]].
      rewrite ET. apply spans_aimed; [reflexivity | apply real_within]. }
    unfold targets in SP. unfold pair_of in K.
    destruct (bk_kind (nth b blocks no_block)) eqn:KB; try discriminate.
    + injection E as <-. apply SP. reflexivity.
    + destruct (relu_means b source B KB) as [V L]. rewrite <- LM in L.
      refine (from_pairs_told b made B LM T numbers (fun p I => I) _ _ _ E).
      apply with_coordinates_told.
      * unfold targets. rewrite KB.
        apply relus_aimed; [reflexivity | apply real_within | apply real_within | exact V | apply T, L].
      * rewrite V. apply relus_told; [apply real_within | apply T, L].
    + injection E as <-. apply SP. reflexivity.
    + destruct (add_terms q made (rl_terms r) _ _) as [out|] eqn:A; [|discriminate]. injection E as <-.
      apply (affine_told b r made out B LM T KB A).
Qed.

Lemma express_all_told : forall rest before made made', blocks = before ++ rest -> length made = length before ->
  made_told made -> express_all blocks maps_q q bits bd numbers rest made = Some made' ->
  length made' = length blocks /\ made_told made'.
Proof.
  induction rest as [|blk rest IH]; intros before made made' E L T F; simpl in F.
  - injection F as <-. rewrite app_nil_r in E. subst before. auto.
  - destruct (express blocks maps_q q bits bd numbers (length made) blk made) as [e|] eqn:X; [|discriminate].
    assert (B : (length made < length blocks)%nat) by (rewrite E, app_length; simpl; lia).
    assert (K : nth (length made) blocks no_block = blk) by (rewrite E, L, app_nth2, Nat.sub_diag by lia; reflexivity).
    apply (IH (before ++ [blk]) (made ++ [e]) made'); [| | |exact F].
    + rewrite <- app_assoc. exact E.
    + rewrite !app_length, L. reflexivity.
    + intros b I. rewrite app_length in I. simpl in I. destruct (Nat.eq_dec b (length made)) as [-> | N].
      * rewrite app_nth2, Nat.sub_diag by lia. simpl. rewrite <- K in X.
        apply (express_told _ made e B eq_refl T X).
      * rewrite app_nth1 by lia. apply T. lia.
Qed.

Theorem expressions_told made : expressions blocks maps_q q bits bd chosen = Some made ->
  forall b, told z (nth b made []) (real b).
Proof.
  unfold expressions. rewrite agree. intros E.
  destruct (express_all_told blocks [] [] made eq_refl eq_refl) as [L T]; [intros b I; simpl in I; lia | exact E |].
  intros b. destruct (Nat.lt_ge_cases b (length made)) as [I | I]; [apply T, I|].
  destruct plan as [PL _]. unfold real, values. rewrite !nth_overflow by lia. constructor.
Qed.

End Leaf.
