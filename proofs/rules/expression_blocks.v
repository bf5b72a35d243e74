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

Lemma all_taken_small chosen : (forall b, Forall inside (targets b)) -> Forall (fun x => Rabs x <= 1) (all_taken chosen).
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
  destruct Y as [|l u y lz uz ys C Y]; simpl in *; [discriminate|]. injection E as E0 E. constructor; [|apply IH; assumption].
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
